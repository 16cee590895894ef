"""Live streams: HLS media playlists (RFC 8216) whose segments are content ids."""
