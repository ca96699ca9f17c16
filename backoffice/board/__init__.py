"""The dispatcher's board: one screen for the queue, the doctors and the map."""
