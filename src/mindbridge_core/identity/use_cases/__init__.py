"""What can be done with accounts and sessions."""
