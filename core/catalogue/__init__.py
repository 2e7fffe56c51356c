"""The information resource catalogue (政务信息资源目录) of sources and layers.

Each part says what it has (`Resource`) and measures it; `entries` is what people have said of it, `days` how it was
each day, `uses` who reads it, `requests` who asks for it, `dcat` the same for programs. app composes (app/catalogue).
"""
