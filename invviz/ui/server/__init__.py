"""The page Server: what a server that lies reads, and whether the client can notice."""
