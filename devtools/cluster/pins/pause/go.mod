module readpool/cluster/pause

go 1.26.0
