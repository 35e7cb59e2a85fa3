"""What a running program tells of itself: its logs. Metrics live with the program that has something to count."""
