"""What can be done with screenings."""
