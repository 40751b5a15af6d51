"""Pictures drawn by program: each module paints one or two of examples/inputs."""
