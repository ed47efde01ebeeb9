"""Classic AutoGen, `import autogen`."""
