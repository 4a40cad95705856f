# fish completion for pmld
for name in pmld python-module-launcher
    complete -c $name -l profile -x -a "(pmlctl complete profiles 2>/dev/null)" -d "The profile to serve"
    complete -c $name -s d -l daemonize -d "In the background, once it is warm"
    complete -c $name -s p -l pidfile -r -F -d "Where its number goes"
    complete -c $name -s w -l workers -x -d "Idle workers"
    complete -c $name -s s -l spare -x -d "Refilled below so many"
    complete -c $name -s h -l help -d "Print a summary"
    complete -c $name -s v -l version -d "Print the version"
end
