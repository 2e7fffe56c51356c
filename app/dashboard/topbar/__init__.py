"""The top bar: what is open, who is free, how old the data is. The browser fills the figures from the live channel."""
