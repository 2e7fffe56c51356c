"""Files that become layers, and layers that become files: what is said of one and answered (nouns), where those that
were brought lie and how far the work on them is (brought), the line to the processes that do it (line), the work in and
out (incoming, outgoing), the layers of a package (package)."""
