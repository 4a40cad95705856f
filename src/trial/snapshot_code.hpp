#pragma once

namespace pml::trial {

/// A program in Python 3.6 and later: imports the module that its first argument names, and prints
/// what an interpreter is then that has done so, one row a line: a key, a tab, a value. Looks only
/// at what it does not have to call other code for.
inline constexpr const char* k_snapshot_code = R"python(
def _pml_look():
    import sys
    name = sys.argv[1]
    rows = []
    failed = 'no'
    try:
        __import__(name)
    except BaseException as error:
        failed = type(error).__name__ + ': ' + str(error)
    table = dict(sys.modules)
    plain_module = type(sys)
    names_of = plain_module.__dict__['__dict__'].__get__
    class_names_of = type.__dict__['__dict__'].__get__

    def title(kind):
        module = getattr(kind, '__module__', None)
        own = getattr(kind, '__qualname__', None) or getattr(kind, '__name__', None)
        return '%s.%s' % (module if type(module) is str else '?', own if type(own) is str else '?')

    def is_reachable(value):
        # A registry names classes of modules that are not there: nobody meets them.
        if not issubclass(type(value), type):
            return True
        module = getattr(value, '__module__', None)
        return module in table if type(module) is str else True

    function_types = (type(title), type(len), type(''.join), type(str.join), type(''.__add__), type(str.__add__))

    def describe(value, depth):
        kind = type(value)
        if value is None or kind in (bool, int, float, complex, str, bytes):
            return repr(value)[:300]
        if kind is plain_module:
            return 'module ' + str(names_of(value).get('__name__'))
        if issubclass(kind, type):
            return 'class ' + title(value)
        if kind in function_types:
            return 'function ' + title(value)
        if kind in (tuple, list) and depth:
            return kind.__name__ + '(' + ', '.join([describe(item, depth - 1) for item in value[:300]]) + ')'
        if kind in (set, frozenset) and depth:
            return kind.__name__ + '(' + ', '.join(sorted([describe(item, depth - 1) for item in value if is_reachable(item)])) + ')'
        if kind is dict and depth:
            items = [describe(key, depth - 1) + ': ' + describe(item, depth - 1) for key, item in list(value.items()) if is_reachable(key)]
            return 'dict(' + ', '.join(sorted(items)[:300]) + ')'
        if kind.__name__ in ('Pattern', 'SRE_Pattern'):
            return 'pattern ' + repr(value.pattern)
        return 'object of ' + title(kind)

    def add(key, value):
        rows.append(key.replace('\t', ' ').replace('\n', ' ') + '\t' + value.replace('\n', ' '))

    add('import fails', failed)
    for key in table:
        if type(key) is str:
            add('sys.modules ' + key, type(table[key]).__name__)
    for key in ('path', 'meta_path', 'path_hooks'):
        add('sys.' + key, describe(getattr(sys, key, None), 2))
    for owner, key in (('sys', 'getrecursionlimit'), ('sys', 'getswitchinterval'), ('sys', 'get_int_max_str_digits'),
                       ('sys', 'gettrace'), ('sys', 'getprofile'), ('sys', 'get_asyncgen_hooks'), ('sys', 'getdlopenflags'),
                       ('sys', 'get_coroutine_origin_tracking_depth'), ('sys', 'is_stack_trampoline_active'),
                       ('_socket', 'getdefaulttimeout'), ('_thread', 'stack_size'), ('_csv', 'field_size_limit')):
        ask = getattr(table.get(owner), key, None)
        if ask is not None:
            value = ask()
            add(owner + '.' + key, describe(tuple(value) if isinstance(value, tuple) else value, 1))
    if hasattr(sys, 'monitoring'):
        add('sys.monitoring', describe([sys.monitoring.get_tool(one) for one in range(6)], 1))

    classes = {}
    for key, module in table.items():
        if type(key) is not str or key in ('__main__', '__mp_main__') or not issubclass(type(module), plain_module):
            continue
        for label, value in list(names_of(module).items()):
            if type(label) is not str or label in ('__builtins__', '__warningregistry__', '_find_and_load') or 'cache' in label:
                continue
            if type(value) in (dict, list, set) and key != name:
                about = type(value).__name__
                if label.isupper():
                    about = describe(value, 1)
            else:
                about = describe(value, 2 if key == name else 0)
            add('name %s.%s' % (key, label), about)
            if issubclass(type(value), type) and type(value).__name__ in ('type', 'ABCMeta', 'EnumMeta', 'EnumType'):
                classes[title(value)] = value
            registry = getattr(value, 'registry', None) if type(value) is type(title) else None
            if registry is not None and type(registry).__name__ == 'mappingproxy':
                add('registered with %s.%s' % (key, label), ', '.join(sorted([title(one) for one in registry if is_reachable(one)])))
    dump = getattr(table.get('_abc'), '_get_dump', None)
    for key, value in classes.items():
        own = class_names_of(value)
        add('class ' + key, ' '.join(sorted([str(one) for one in own if not str(one).startswith('_abc_')])))
        registry = own.get('_abc_registry')
        if '_abc_impl' in own and dump is not None:
            registry = [one() for one in dump(value)[0]]
        if registry is not None:
            add('registered with ' + key, ', '.join(sorted([title(one) for one in registry if one is not None and is_reachable(one)])))

    copyreg = table.get('copyreg')
    if copyreg is not None:
        add('copyreg', ', '.join(sorted([title(one) for one in copyreg.dispatch_table if is_reachable(one)])))
        add('copyreg extensions', describe(dict(copyreg._extension_registry), 1))
    warnings = table.get('warnings')
    if warnings is not None:
        add('warnings.filters', describe(list(warnings.filters), 2))
    logging = table.get('logging')
    if logging is not None:
        loggers = dict(logging.root.manager.loggerDict)
        loggers['root'] = logging.root
        for key, one in loggers.items():
            handlers = getattr(one, 'handlers', None)
            add('logger ' + str(key), '%s %s %s %s %s' % (
                type(one).__name__, getattr(one, 'level', None), getattr(one, 'propagate', None),
                getattr(one, 'disabled', None), [title(type(each)) for each in handlers or ()]))
    threading = table.get('threading')
    if threading is not None:
        add('threads', describe([one.name for one in threading.enumerate()], 1))
        add('threading exit calls', str(len(getattr(threading, '_threading_atexits', ()))))
    os = table['os']
    environ = dict(os.environ)
    for key in environ:
        add('os.environ ' + key, environ[key])
    add('current folder', os.getcwd())
    mask = os.umask(0)
    os.umask(mask)
    add('umask', str(mask))

    import _signal
    for number in range(1, 65):
        try:
            add('signal %d' % number, describe(_signal.getsignal(number), 0))
        except ValueError:
            pass
    import atexit
    if hasattr(atexit, '_ncallbacks'):
        add('atexit', str(atexit._ncallbacks()))
    import _locale
    add('locale', _locale.setlocale(_locale.LC_ALL))
    import gc
    add('gc', '%s %s %d %d' % (gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)))
    if hasattr(gc, 'unfreeze'):
        gc.unfreeze()
    for one in gc.get_objects():
        if type(one) is dict and 'strict' in one and 'ignore' in one and 'backslashreplace' in one and 'xmlcharrefreplace' in one:
            if all([type(key) is str and callable(value) for key, value in one.items()]):
                add('codec errors', ' '.join(sorted(one)))
    for one in gc.get_referrers(table['encodings'].search_function):
        if type(one) is list:
            add('codec searches', describe(one, 1))
    text = '\n'.join(sorted(rows)) + '\n'
    data = text.encode('utf-8', 'backslashreplace')
    while data:
        data = data[os.write(1, data):]
    os._exit(0)
_pml_look()
)python";

}  // namespace pml::trial
