# checks.mk: targets beyond build and install; test.sh runs the bounded ones
