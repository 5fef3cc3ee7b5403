"""The web UI in a real browser over a real hub; the browser ends with the last of these tests."""
