"""`readpool report`: one archive for support, with what a cluster says of readpool and without its secrets."""
