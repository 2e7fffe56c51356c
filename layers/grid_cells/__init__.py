"""Grid cells (单元网格, GB/T 30428.1): areas of about 10,000 m² that cover a district, follow its streets and shores
and cut no building. Faces of lines (faces), a district divided (division), numbers (codes), the layer that they become
(making). An H3 cell is another thing (core.cells)."""
