"""People: their accounts with role and scope, the roles themselves, sessions and tokens. Callers own the
transaction."""
