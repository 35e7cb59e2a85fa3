"""`readpool validate`: manifests of pools and ScaledObjects checked offline, in the words of the programs."""
