"""What helps those who work on Rolecall. Never shipped to Lambda."""
