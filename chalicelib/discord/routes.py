"""Routes as the rate limiter knows them. Ids below the guild do not make another bucket."""

GUILD, ROLES_NEW, MEMBERS, MEMBER_GET = "GET guild", "POST role", "GET members", "GET member"
MEMBER_JOIN, MEMBER_PATCH, MEMBER_REMOVE = "PUT member", "PATCH member", "DELETE member"
ROLE_GIVE, ROLE_TAKE, ME, ROLES = "PUT member role", "DELETE member role", "GET me", "GET roles"
ROLE_COUNTS = "GET role member-counts"
