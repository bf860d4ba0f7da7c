"""What can be done with the record of a patient's care."""
