"""The page Vertical: what an embedding gives away, depth by depth."""
