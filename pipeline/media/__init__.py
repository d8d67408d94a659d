"""Makes renditions of what creators upload, in a child process with limits."""
