"""The cases, a module each.

The docstring begins with the ID and says what the user did; the rest:

* `CAUSES`: what is to be found, and the kind of component to blame; empty in a healthy case. `COMPONENTS`: another kind
  on one of the lines.
* `LINES`: the AutoGen lines where it applies; `NEEDS`: packages without which it cannot be shown.
* `serve(app)`: the application's code; `script(app)`: the model, where it is not `app.think`.
* `proof(app)`: the oracle. `HOLD_OUT`: a case by which no rule was written.
"""

ALL = ("classic", "agentchat", "ag2")
