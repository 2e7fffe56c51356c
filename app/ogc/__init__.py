"""What stands behind the addresses of `/ogc`: links, formats, pages for people, the document that describes it."""
