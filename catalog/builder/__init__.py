"""The catalogue's builder: folders of music files -> track store and index."""
