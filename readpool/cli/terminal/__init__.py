"""What commands print: columns that fit, the table of one fleet, a page for a pipe."""
