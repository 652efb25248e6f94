module programs/go

go 1.26
