"""A package, so that Playwright's event loop ends with the last test of this folder."""
