"""Sources as people see and edit them: checked before they are saved, told to the ingesters with the commit, never
deleted.

`nouns` is what goes in and comes out, `read` shows them, `edit` changes them, `trial` tries them on a message. Plain
functions on the caller's transaction. What a source is and how it reads messages stands in `ingest.sources`.
"""
