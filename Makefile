# `make` lists the targets. Everything runs in .venv, which every target makes or repairs first.

PYTHON ?= python3
BENCH_ARGS ?=
STORY_ARGS ?=
PYTEST_ARGS ?=
SCREENSHOT_ARGS ?=

# Taken as it was typed ($$ and blanks included) and handed on through the environment, so that no shell reads it again.
export IMGFIND_DEMO_PHOTOS := $(value PHOTOS)
unexport PHOTOS

RUN := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup app demo story readme screenshots test lint format bench bench-guard bench-scale bench-index bench-encode bench-gpu bench-search bench-gui bench-duplicates bench-candidates bench-verification bench-duplicates-speed bench-peers clean

help: ## List the targets
	@echo "Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv with everything in it (nothing to do: a moment)
	@"$(PYTHON)" packaging/set_up.py

app: setup ## Open the window
	@$(RUN) -m imgfind gui

demo: setup ## Try imgfind on sample photos, or on your own: make demo PHOTOS=/folder
	@$(RUN) packaging/demo.py $${IMGFIND_DEMO_PHOTOS:+--photos="$$IMGFIND_DEMO_PHOTOS"}

story: setup ## Live two weeks of a family's life with imgfind, and check each day (STORY_ARGS="--keep DIR" keeps it)
	@$(RUN) packaging/story.py $(STORY_ARGS)

readme: setup ## Measure the tables of README.md anew and write them into it
	@$(RUN) packaging/readme_tables.py

screenshots: setup ## Take the pictures of the window anew, for README.md and to look at (demo/screens)
	@$(RUN) packaging/screenshots.py $(SCREENSHOT_ARGS)

test: lint ## Run the linters and all tests (PYTEST_ARGS="-k name" for some)
	$(RUN) -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal $(PYTEST_ARGS)

lint: setup ## Check style, types and the direction of imports
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports --no-logo

format: setup ## Write the code the way `make lint` wants it
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: setup ## Run all benchmarks, keep their figures and write them into README.md (more than an hour)
	@$(RUN) benchmarks/bench_all.py $(BENCH_ARGS)

bench-guard: setup ## See that nothing that was fast has become slow (a minute)
	@$(RUN) benchmarks/guard.py

bench-scale: setup ## Measure what a million photos cost (BENCH_ARGS="..." goes to the script)
	@$(RUN) benchmarks/bench_scale.py $(BENCH_ARGS)

bench-index: setup ## Measure the speed of indexing (BENCH_ARGS="..." goes to the script)
	@$(RUN) benchmarks/bench_index.py $(BENCH_ARGS)

bench-encode: setup ## Measure the runtimes of an encoder (BENCH_ARGS="--model random" for a ViT-B-32-256)
	@$(RUN) benchmarks/bench_encode.py $(BENCH_ARGS)

bench-gpu: setup ## Measure indexing on an accelerator and what bounds it; without one the CPU part (BENCH_ARGS="...")
	@$(RUN) benchmarks/bench_gpu.py $(BENCH_ARGS)

bench-search: setup ## Measure the speed of searching (BENCH_ARGS="..." goes to the script)
	@$(RUN) benchmarks/bench_search.py $(BENCH_ARGS)

bench-gui: setup ## Measure the speed of the window (BENCH_ARGS="..." goes to the script)
	@$(RUN) benchmarks/bench_gui.py $(BENCH_ARGS)

bench-duplicates: setup ## Measure which altered copies are found, from files to groups, and what is found wrongly
	@$(RUN) benchmarks/bench_duplicates.py $(BENCH_ARGS)

bench-candidates: setup ## Measure which duplicates are proposed at all (BENCH_ARGS="...")
	@$(RUN) benchmarks/bench_candidates.py $(BENCH_ARGS)

bench-verification: setup ## Measure which pairs of pictures are taken for copies (BENCH_ARGS="...")
	@$(RUN) benchmarks/bench_verification.py $(BENCH_ARGS)

bench-duplicates-speed: setup ## Measure how fast duplicates are found, step by step (BENCH_ARGS="...")
	@$(RUN) benchmarks/bench_duplicates_speed.py $(BENCH_ARGS)

bench-peers: setup ## Measure indexing and search beside rclip, open_clip, faiss and usearch (BENCH_ARGS="...")
	@$(RUN) benchmarks/bench_peers.py $(BENCH_ARGS)

clean: ## Remove .venv, .venv-peers*, caches and built files; results of benchmarks stay
	rm -rf .venv .venv-peers .venv-peers-search .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
