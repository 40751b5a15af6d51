"""Videos: frames in and out, optical flow between them, and what keeps them from flickering."""
