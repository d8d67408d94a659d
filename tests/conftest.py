"""Names the plugins that every test may lean on."""

pytest_plugins = ["pytester", "tests.servers"]
