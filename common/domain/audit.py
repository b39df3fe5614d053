"""What the audit log speaks of: actions and how they ended. No values of settings, commands or secrets, ever."""

from common.domain.invalid import N_

DONE, REFUSED, FAILED = "done", "refused", "failed"
OUTCOMES = {DONE: N_("Done"), REFUSED: N_("Refused"), FAILED: N_("Failed")}

#: Every action that is recorded, in words.
ACTIONS = {
    "task.create": N_("Created a task"),
    "task.update": N_("Changed a task"),
    "task.delete": N_("Deleted a task"),
    "task.pause": N_("Paused a task"),
    "task.resume": N_("Resumed a task"),
    "task.run": N_("Ran a task by hand"),
    "task.stop": N_("Stopped a task"),
    "task.cleanup": N_("Cleaned up a history"),
    "task.share": N_("Shared a task"),
    "task.owner": N_("Gave a task to somebody else"),
    "execution.stop": N_("Stopped an execution"),
    "downtime.run": N_("Made up for a missed run"),
    "calendar.create": N_("Created a calendar"),
    "calendar.update": N_("Changed a calendar"),
    "calendar.delete": N_("Deleted a calendar"),
    "variable.create": N_("Created a variable"),
    "variable.update": N_("Changed a variable"),
    "variable.delete": N_("Deleted a variable"),
    "program.create": N_("Created a program"),
    "program.update": N_("Changed a program"),
    "program.delete": N_("Deleted a program"),
    "keys.rotate": N_("Changed the encryption key"),
    "team.create": N_("Created a team"),
    "team.update": N_("Changed a team"),
    "team.delete": N_("Deleted a team"),
    "signin": N_("Signed in"),
    "signout": N_("Signed out"),
    "signin.reuse": N_("Used a refresh token twice"),
    "setup": N_("Set Rota up"),
    "user.register": N_("Registered"),
    "user.create": N_("Created a user"),
    "user.update": N_("Changed a user"),
    "user.delete": N_("Deleted a user"),
    "user.password": N_("Changed a password"),
    "user.invite": N_("Made a link to choose a password"),
    "user.connect": N_("Connected a user with the sign-in service"),
    "user.disconnect": N_("Disconnected a user from the sign-in service"),
    "user.signout": N_("Ended sign-ins of a user"),
    "user.totp": N_("Changed the second factor"),
    "key.create": N_("Created an API key"),
    "key.delete": N_("Deleted an API key"),
    "request": N_("Asked for something not allowed"),
}
