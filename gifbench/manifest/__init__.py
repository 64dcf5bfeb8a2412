"""What a dataset should hold: a table with a row a clip, read from files, made from a folder, checked."""
