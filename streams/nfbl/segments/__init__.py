"""From signals to events, and to spans of what could be watched. Pure."""
