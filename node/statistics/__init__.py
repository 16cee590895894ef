"""What a node counts of final blocks for itself: statistics, rankings, recommendations (T13)."""
