"""What is refused, of every action that any module declares."""
