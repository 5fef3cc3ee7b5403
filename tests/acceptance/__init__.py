"""Real processes, through the face that scripts rely on; what these tests share ends with the last of them."""
