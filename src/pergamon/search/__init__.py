"""Search: text and facets over what the catalog says, as far as the asker may see."""
