"""How a store of an older version becomes a current one."""
