"""Who may do what. Roles grow: an operator may all that a viewer may, an administrator all that an operator may."""

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"
ROLES = (VIEWER, OPERATOR, ADMINISTRATOR)


def may_change(role: str) -> bool:
    """Whether somebody of this role may create, change and run tasks: whoever may runs commands on the workers."""
    return role in (OPERATOR, ADMINISTRATOR)
