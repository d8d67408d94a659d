"""The studio: server-rendered forms that work without JavaScript, and get a little better with it."""
