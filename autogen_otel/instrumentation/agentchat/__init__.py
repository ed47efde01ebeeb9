"""`autogen_agentchat`, `autogen_core` and `autogen_ext`."""
