"""The portal: pages for people, each of which calls the same verbs as the API and the command line do.

How a page is made: `docs/explanation/portal.md`.
"""
