import plain.inner
