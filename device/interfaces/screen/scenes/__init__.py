"""One module per screen of the visit; each turns a state into a table of parts."""
