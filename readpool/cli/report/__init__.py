"""`readpool report`: a support bundle, with what a cluster says of readpool and without its secrets."""
