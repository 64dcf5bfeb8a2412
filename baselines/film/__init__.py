"""Films: what a per-frame network makes of a video, and how one is trained; `docs/film.md` is the way through."""
