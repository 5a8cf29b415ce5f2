"""Nets and data of the user: what stands in the way of an audit, and what an audit finds."""
